"""Stand-ins for the parts of Azure that cannot run here. Each speaks the service's own protocol to the real client."""
