// Who may do what, by group and identity; nobody gets more than a task needs, and no person may write to what was judged.
param workspaceName string
param storageName string
param registryName string
param vaultName string
param dataScientists string
param reviewers string
param releasePipeline string
param endpointIdentity string
param predictionsName string
param siteName string
param webIdentity string

var roles = {
  dataScientist: 'f6c7c914-8db3-469d-8ca1-694a8f32e121' // AzureML Data Scientist
  reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7' // Reader
  blobReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader
  blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor
  secretsUser: '4633458b-17de-408a-b874-0445c86b69e6' // Key Vault Secrets User
  imagePuller: '7f951dda-4ed3-4680-a7ca-43fe172d538d' // AcrPull
  websites: 'de139f84-1756-47ae-9be6-808fbbe84772' // Website Contributor
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2024-10-01' existing = {
  name: workspaceName
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = {
  name: registryName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: vaultName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' existing = {
  parent: storage
  name: 'default'
}

resource predictions 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' existing = {
  parent: blobs
  name: predictionsName
}

resource site 'Microsoft.Web/sites@2023-12-01' existing = {
  name: siteName
}

// What no role of Azure's own is narrow enough for.
resource scorer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'scorer')
  properties: {
    roleName: 'Homologate scorer (${workspaceName})'
    description: 'Asks endpoints of a workspace for verdicts, and nothing else.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action'
        ]
      }
    ]
  }
}

resource imageBuilder 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'imageBuilder')
  properties: {
    roleName: 'Homologate image builder (${registryName})'
    description: 'Lets a registry build an image and reads its digest.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: [
          'Microsoft.ContainerRegistry/registries/read'
          'Microsoft.ContainerRegistry/registries/listBuildSourceUploadUrl/action'
          'Microsoft.ContainerRegistry/registries/scheduleRun/action'
          'Microsoft.ContainerRegistry/registries/runs/read'
          'Microsoft.ContainerRegistry/registries/runs/listLogSasUrl/action'
          'Microsoft.ContainerRegistry/registries/pull/read'
        ]
      }
    ]
  }
}

resource dataScientistsWork 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, dataScientists, roles.dataScientist)
  scope: workspace
  properties: {
    principalId: dataScientists
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.dataScientist)
  }
}

resource reviewersRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, reviewers, roles.reader)
  scope: workspace
  properties: {
    principalId: reviewers
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.reader)
  }
}

resource reviewersReadReports 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, reviewers, roles.blobReader)
  scope: storage
  properties: {
    principalId: reviewers
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobReader)
  }
}

resource pipelineWorks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, releasePipeline, roles.dataScientist)
  scope: workspace
  properties: {
    principalId: releasePipeline
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.dataScientist)
  }
}

resource pipelineSigns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, releasePipeline, roles.secretsUser)
  scope: vault
  properties: {
    principalId: releasePipeline
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretsUser)
  }
}

resource endpointCollects 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, endpointIdentity, roles.blobContributor)
  scope: storage
  properties: {
    principalId: endpointIdentity
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
  }
}

resource endpointPulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, endpointIdentity, roles.imagePuller)
  scope: registry
  properties: {
    principalId: endpointIdentity
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.imagePuller)
  }
}

resource pipelineBuildsImages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, releasePipeline, imageBuilder.id)
  scope: registry
  properties: {
    principalId: releasePipeline
    principalType: 'ServicePrincipal'
    roleDefinitionId: imageBuilder.id
  }
}

resource pipelineReleasesPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(site.id, releasePipeline, roles.websites)
  scope: site
  properties: {
    principalId: releasePipeline
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.websites)
  }
}

resource webPulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, webIdentity, roles.imagePuller)
  scope: registry
  properties: {
    principalId: webIdentity
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.imagePuller)
  }
}

resource webKeepsFeedback 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(predictions.id, webIdentity, roles.blobContributor)
  scope: predictions
  properties: {
    principalId: webIdentity
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobContributor)
  }
}

resource webAsks 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, webIdentity, scorer.id)
  scope: workspace
  properties: {
    principalId: webIdentity
    principalType: 'ServicePrincipal'
    roleDefinitionId: scorer.id
  }
}
