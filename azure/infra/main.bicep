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
  }
}

output workspace string = workspace.outputs.name
output insights string = watch.outputs.insights
