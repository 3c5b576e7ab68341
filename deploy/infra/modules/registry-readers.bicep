// Who may read a registry that is there already. The identity of an endpoint needs it: else a deployment from the registry ends with
// "Endpoint identity does not have pull permission on the registry".
param registry string
param readers array

var roles = loadJsonContent('../roles.json')

resource found 'Microsoft.MachineLearningServices/registries@2024-10-01' existing = {
  name: registry
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principal in readers: {
    name: guid(found.id, principal, roles.Reader)
    scope: found
    properties: {
      principalId: principal
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.Reader)
    }
  }
]
