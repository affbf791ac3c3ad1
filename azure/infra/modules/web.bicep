// The technicians' pages: App Service for containers with a second slot, so that a release is a swap and so is its way back.
// People sign in with Entra ID before a request reaches the container; the container proves who it is without a secret.
param name string
param location string
@allowed(['Enabled', 'Disabled'])
param publicAccess string
@description('Name of the container registry.')
param registryName string
@description('Address of the endpoint that judges.')
param scoringUri string
@description('Application id of the pages in Entra ID; its federated credential is the identity made here.')
param client string
@description('Subnet through which the pages call out; empty where the network is public.')
param subnet string
param logs string

var hosts = '${name}.azurewebsites.net,${name}-staging.azurewebsites.net'
var issuer = '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
var signIn = '--token-header x-ms-token-aad-id-token --oidc-issuer ${issuer} --oidc-audience ${client}'

var shape = {
  linuxFxVersion: 'DOCKER|${registryName}.azurecr.io/homologate-web:first'
  appCommandLine: 'web --host 0.0.0.0 --port 5200 --https --allowed-hosts ${hosts} --server ${scoringUri} ${signIn}'
  acrUseManagedIdentityCreds: true
  acrUserManagedIdentityID: identity.properties.clientId
  alwaysOn: true
  ftpsState: 'Disabled'
  healthCheckPath: '/health'
  http20Enabled: true
  minTlsVersion: '1.2'
  remoteDebuggingEnabled: false
  scmMinTlsVersion: '1.2'
  appSettings: [
    {
      name: 'AZURE_CLIENT_ID'
      value: identity.properties.clientId
    }
    {
      name: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
      value: identity.properties.clientId
    }
    {
      name: 'WEBSITES_PORT'
      value: '5200'
    }
    {
      name: 'WEBSITE_SWAP_WARMUP_PING_PATH'
      value: '/health'
    }
    {
      name: 'WEBSITE_SWAP_WARMUP_PING_STATUSES'
      value: '200'
    }
  ]
}

var people = {
  platform: {
    enabled: true
  }
  globalValidation: {
    requireAuthentication: true
    unauthenticatedClientAction: 'RedirectToLoginPage'
    redirectToProvider: 'azureactivedirectory'
    excludedPaths: [
      '/health'
    ]
  }
  httpSettings: {
    requireHttps: true
  }
  identityProviders: {
    azureActiveDirectory: {
      enabled: true
      registration: {
        clientId: client
        clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID' // pragma: allowlist secret
        openIdIssuer: issuer
      }
      validation: {
        allowedAudiences: [
          client
        ]
      }
    }
  }
  login: {
    tokenStore: {
      enabled: true
    }
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

resource plan 'Microsoft.Web/serverfarms@2023-12-01' = {
  name: name
  location: location
  kind: 'linux'
  sku: {
    name: 'P0v3'
    capacity: 1
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2023-12-01' = {
  name: name
  location: location
  kind: 'app,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: true
    publicNetworkAccess: publicAccess
    virtualNetworkSubnetId: empty(subnet) ? null : subnet
    vnetRouteAllEnabled: !empty(subnet)
    siteConfig: shape
  }
}

resource slot 'Microsoft.Web/sites/slots@2023-12-01' = {
  parent: site
  name: 'staging'
  location: location
  kind: 'app,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: true
    publicNetworkAccess: publicAccess
    virtualNetworkSubnetId: empty(subnet) ? null : subnet
    vnetRouteAllEnabled: !empty(subnet)
    siteConfig: shape
  }
}

resource siteSignIn 'Microsoft.Web/sites/config@2023-12-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: people
}

resource slotSignIn 'Microsoft.Web/sites/slots/config@2023-12-01' = {
  parent: slot
  name: 'authsettingsV2'
  properties: people
}

resource siteUploads 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2023-12-01' = [for door in ['ftp', 'scm']: {
  parent: site
  name: door
  properties: {
    allow: false
  }
}]

resource slotUploads 'Microsoft.Web/sites/slots/basicPublishingCredentialsPolicies@2023-12-01' = [for door in ['ftp', 'scm']: {
  parent: slot
  name: door
  properties: {
    allow: false
  }
}]

resource siteDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-logs'
  scope: site
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

output id string = site.id
output siteName string = site.name
output identity string = identity.properties.principalId
output address string = 'https://${site.properties.defaultHostName}'
