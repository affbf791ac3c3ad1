// The private network: one subnet for the private doors of everything, one through which the pages call out.
param name string
param location string

resource network 'Microsoft.Network/virtualNetworks@2024-01-01' = {
  name: name
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.20.0.0/16'
      ]
    }
    subnets: [
      {
        name: 'doors'
        properties: {
          addressPrefix: '10.20.0.0/24'
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
      {
        name: 'pages'
        properties: {
          addressPrefix: '10.20.1.0/24'
          delegations: [
            {
              name: 'pages'
              properties: {
                serviceName: 'Microsoft.Web/serverFarms'
              }
            }
          ]
        }
      }
    ]
  }
}

output network string = network.id
output doors string = '${network.id}/subnets/doors'
output pages string = '${network.id}/subnets/pages'
