// A Key Vault that goes by roles. A deleted vault keeps its name for as long as its secrets: the name is never to be a fixed one.
param name string
param location string

@description('Who may do what with the secrets: objects with principalId and role.')
param grants array = []

var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true // cannot be taken back
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in grants: {
    name: guid(vault.id, each.principalId, roles[each.role])
    scope: vault
    properties: {
      principalId: each.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[each.role])
    }
  }
]

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
