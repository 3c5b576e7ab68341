// An Azure ML workspace and its cluster, which costs nothing while no job runs.
param name string
param location string
param storageAccountId string
param keyVaultId string
param applicationInsightsId string
param containerRegistryId string
param clusterVmSize string
param clusterMaxNodes int

@description('What jobs run as.')
param clusterIdentityId string

@description('Who may do what in the workspace: objects with principalId and role.')
param grants array = []

var roles = loadJsonContent('../roles.json')

resource workspace 'Microsoft.MachineLearningServices/workspaces@2025-09-01' = {
  name: name
  location: location
  sku: { name: 'Basic', tier: 'Basic' }
  // Azure itself gives a system identity what it needs at storage, vault and container registry.
  identity: { type: 'SystemAssigned' }
  properties: {
    friendlyName: name
    storageAccount: storageAccountId
    keyVault: keyVaultId
    applicationInsights: applicationInsightsId
    containerRegistry: containerRegistryId
    publicNetworkAccess: 'Enabled'
  }
}

resource cluster 'Microsoft.MachineLearningServices/workspaces/computes@2024-10-01' = {
  parent: workspace
  name: 'cpu-cluster'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${clusterIdentityId}': {} }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      vmSize: clusterVmSize
      vmPriority: 'Dedicated'
      osType: 'Linux'
      remoteLoginPortPublicAccess: 'Disabled'
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: clusterMaxNodes
        nodeIdleTimeBeforeScaleDown: 'PT120S'
      }
    }
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in grants: {
    name: guid(workspace.id, each.principalId, roles[each.role])
    scope: workspace
    properties: {
      principalId: each.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[each.role])
    }
  }
]

output name string = workspace.name
output id string = workspace.id
