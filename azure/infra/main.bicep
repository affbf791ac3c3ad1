// Everything a workspace needs, with no key anywhere: storage, registry and vault refuse keys, identities hold roles.
targetScope = 'resourceGroup'

@description('Prefix of every name; letters and digits.')
@minLength(3)
@maxLength(12)
param prefix string

@description('Region of everything.')
param location string = resourceGroup().location

@description('Object id of the Entra ID group of data scientists.')
param dataScientists string

@description('Object id of the Entra ID group of reviewers.')
param reviewers string

@description('Object id of the federated identity of the release pipeline.')
param releasePipeline string

@description('Application id of the technicians\' pages in Entra ID.')
param webClient string

@description('Name of the endpoint that the pages ask.')
param endpoint string = 'component-classifier'

@description('Address that is mailed when the server fails, slows down or refuses a model.')
param operators string

@description('True closes every public door; people then come through a private network.')
param privateNetwork bool = true

@description('Days that diagnostic logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

var suffix = uniqueString(resourceGroup().id, prefix)
var publicAccess = privateNetwork ? 'Disabled' : 'Enabled'

module watch 'modules/watch.bicep' = {
  name: 'watch'
  params: {
    name: '${prefix}-watch'
    location: location
    retentionDays: retentionDays
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  params: {
    name: '${prefix}-watch'
    location: location
    logs: watch.outputs.logs
    operators: operators
  }
}

module stores 'modules/stores.bicep' = {
  name: 'stores'
  params: {
    prefix: prefix
    suffix: suffix
    location: location
    publicAccess: publicAccess
    logs: watch.outputs.logs
  }
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace'
  params: {
    name: '${prefix}-components'
    location: location
    publicAccess: publicAccess
    storage: stores.outputs.storage
    registry: stores.outputs.registry
    vault: stores.outputs.vault
    insights: watch.outputs.insights
    logs: watch.outputs.logs
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    name: '${prefix}-network'
    location: location
  }
}

module web 'modules/web.bicep' = {
  name: 'web'
  params: {
    name: '${prefix}-web-${suffix}'
    location: location
    publicAccess: publicAccess
    registryName: stores.outputs.registryName
    scoringUri: 'https://${endpoint}.${location}.inference.ml.azure.com/score'
    client: webClient
    subnet: privateNetwork ? network.outputs.pages : ''
    logs: watch.outputs.logs
  }
}

module doors 'modules/doors.bicep' = if (privateNetwork) {
  name: 'doors'
  params: {
    name: '${prefix}-door'
    location: location
    network: network.outputs.network
    subnet: network.outputs.doors
    targets: [
      {
        name: 'workspace'
        id: workspace.outputs.id
        group: 'amlworkspace'
        zones: [
          'privatelink.api.azureml.ms'
          'privatelink.notebooks.azure.net'
        ]
      }
      {
        name: 'blobs'
        id: stores.outputs.storage
        group: 'blob'
        zones: [
          'privatelink.blob.${environment().suffixes.storage}'
        ]
      }
      {
        name: 'files'
        id: stores.outputs.storage
        group: 'file'
        zones: [
          'privatelink.file.${environment().suffixes.storage}'
        ]
      }
      {
        name: 'registry'
        id: stores.outputs.registry
        group: 'registry'
        zones: [
          'privatelink.azurecr.io'
        ]
      }
      {
        name: 'vault'
        id: stores.outputs.vault
        group: 'vault'
        zones: [
          'privatelink.vaultcore.azure.net'
        ]
      }
      {
        name: 'web'
        id: web.outputs.id
        group: 'sites'
        zones: [
          'privatelink.azurewebsites.net'
        ]
      }
    ]
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    workspaceName: workspace.outputs.name
    storageName: stores.outputs.storageName
    registryName: stores.outputs.registryName
    vaultName: stores.outputs.vaultName
    dataScientists: dataScientists
    reviewers: reviewers
    releasePipeline: releasePipeline
    endpointIdentity: workspace.outputs.endpointIdentity
    predictionsName: stores.outputs.predictionsName
    siteName: web.outputs.siteName
    webIdentity: web.outputs.identity
  }
}

output workspace string = workspace.outputs.name
output insights string = watch.outputs.insights
output web string = web.outputs.address
output registry string = stores.outputs.registryName
