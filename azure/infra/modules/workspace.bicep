// The workspace, its own identity, and the identity that endpoints run as.
param name string
param location string
@allowed(['Enabled', 'Disabled'])
param publicAccess string
param storage string
param registry string
param vault string
param insights string
param logs string

resource endpointIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-endpoint'
  location: location
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-10-01' = {
  name: name
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    friendlyName: name
    storageAccount: storage
    containerRegistry: registry
    keyVault: vault
    applicationInsights: insights
    publicNetworkAccess: publicAccess
    systemDatastoresAuthMode: 'identity'
    managedNetwork: {
      isolationMode: publicAccess == 'Disabled' ? 'AllowOnlyApprovedOutbound' : 'AllowInternetOutbound'
    }
  }
}

resource cluster 'Microsoft.MachineLearningServices/workspaces/computes@2024-10-01' = {
  parent: workspace
  name: 'cpu-cluster'
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      vmSize: 'Standard_DS3_v2'
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: 2
        nodeIdleTimeBeforeScaleDown: 'PT10M'
      }
    }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: workspace
  properties: {
    workspaceId: logs
    logs: [
      {
        categoryGroup: 'allLogs'
        enabled: true
      }
    ]
  }
}

output id string = workspace.id
output name string = workspace.name
output endpointIdentity string = endpointIdentity.properties.principalId
