// A container registry without an admin account. Its roles are the classic ones: with repository permissions (ABAC) AcrPull gives nothing.
param name string
param location string
param sku string = 'Standard'

@description('Who may pull or push: objects with principalId and role.')
param grants array = []

var roles = loadJsonContent('../roles.json')

resource images 'Microsoft.ContainerRegistry/registries@2025-11-01' = {
  name: name
  location: location
  sku: { name: sku }
  properties: {
    adminUserEnabled: false
    anonymousPullEnabled: false
    roleAssignmentMode: 'LegacyRegistryPermissions'
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for each in grants: {
    name: guid(images.id, each.principalId, roles[each.role])
    scope: images
    properties: {
      principalId: each.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles[each.role])
    }
  }
]

output id string = images.id
output name string = images.name
output loginServer string = images.properties.loginServer
