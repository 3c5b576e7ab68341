// The storage account of a workspace. It can not be exchanged later.
param name string
param location string
param sku string = 'Standard_ZRS'

@description('Who may do what with the blobs: objects with principalId and role.')
param grants array = []

var roles = loadJsonContent('../roles.json')

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Not isHnsEnabled: an Azure ML workspace takes no account with a hierarchical namespace as its own.
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in grants: {
    name: guid(account.id, each.principalId, roles[each.role])
    scope: account
    properties: {
      principalId: each.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[each.role])
    }
  }
]

output id string = account.id
