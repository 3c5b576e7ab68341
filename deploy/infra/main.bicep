// One environment that models are released to: an Azure ML workspace with all it needs, and who may do what there. Deployed into a
// resource group of its own, once with each of dev.parameters.json and prod.parameters.json, after platform.bicep.
targetScope = 'resourceGroup'

@description('Part of every name here.')
@maxLength(8)
param environment string

param location string = resourceGroup().location

@description('Unique in its resource group; release.yml names it.')
param workspaceName string

@description('Where platform.bicep was deployed.')
param platformResourceGroup string
param platformSubscription string = subscription().subscriptionId

@description('As platform.bicep made it. One of its regions must be this location.')
param registryName string

param clusterVmSize string
@minValue(1)
param clusterMaxNodes int

// Names of vaults, accounts and container registries are unique in all of Azure, and a deleted vault keeps its own for 90 days.
var unique = uniqueString(resourceGroup().id)

resource worker 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-mlrelease-worker'
  scope: resourceGroup(platformSubscription, platformResourceGroup)
}

// What endpoints run as: release's endpoint.yml names it. Made here, so that its rights are long there when the first endpoint starts.
module endpoint 'modules/identity.bicep' = {
  name: 'endpoint-identity'
  params: {
    name: 'id-endpoint-${environment}'
    location: location
    operators: [worker.properties.principalId]
  }
}

module cluster 'modules/identity.bicep' = {
  name: 'cluster-identity'
  params: {
    name: 'id-cluster-${environment}'
    location: location
  }
}

module logs 'modules/logs.bicep' = {
  name: 'logs'
  params: {
    name: 'ml-${environment}'
    location: location
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: take('stml${environment}${unique}', 24)
    location: location
    grants: [
      { principalId: endpoint.outputs.principalId, role: 'Storage Blob Data Reader' }
      { principalId: cluster.outputs.principalId, role: 'Storage Blob Data Contributor' }
    ]
  }
}

// The workspace's own. What the workspace keeps there is nobody else's.
module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: take('kv-ml-${environment}-${unique}', 24)
    location: location
  }
}

// For the endpoints' addresses and keys: release.yml names it as key_vault. Who calls an endpoint gets Key Vault Secrets User here.
module keys 'modules/vault.bicep' = {
  name: 'keys'
  params: {
    name: take('kv-key-${environment}-${unique}', 24)
    location: location
    grants: [
      { principalId: worker.properties.principalId, role: 'Key Vault Secrets Officer' }
    ]
  }
}

module images 'modules/images.bicep' = {
  name: 'images'
  params: {
    name: take('crml${environment}${unique}', 50)
    location: location
    grants: [
      { principalId: endpoint.outputs.principalId, role: 'AcrPull' }
      { principalId: cluster.outputs.principalId, role: 'AcrPull' }
    ]
  }
}

module workspace 'modules/workspace.bicep' = {
  name: 'workspace'
  params: {
    name: workspaceName
    location: location
    storageAccountId: storage.outputs.id
    keyVaultId: vault.outputs.id
    applicationInsightsId: logs.outputs.applicationInsightsId
    containerRegistryId: images.outputs.id
    clusterVmSize: clusterVmSize
    clusterMaxNodes: clusterMaxNodes
    clusterIdentityId: cluster.outputs.id
    grants: [
      { principalId: worker.properties.principalId, role: 'AzureML Data Scientist' }
      // A canary is judged by the endpoint's metrics.
      { principalId: worker.properties.principalId, role: 'Monitoring Reader' }
      { principalId: endpoint.outputs.principalId, role: 'AzureML Metrics Writer' }
    ]
  }
}

module registryReaders 'modules/registry-readers.bicep' = {
  name: 'registry-readers-${environment}'
  scope: resourceGroup(platformSubscription, platformResourceGroup)
  params: {
    registry: registryName
    readers: [endpoint.outputs.principalId]
  }
}

module quotaReaders 'modules/quota-readers.bicep' = {
  name: 'quota-readers-${environment}'
  scope: subscription()
  params: {
    readers: [worker.properties.principalId]
  }
}

output workspace string = workspace.outputs.name
output keyVault string = keys.outputs.name
output endpointIdentity string = endpoint.outputs.id
