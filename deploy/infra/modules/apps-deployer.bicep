// Who may update these container apps, and start this job.
param principalId string
param apps array
param job string

var roles = loadJsonContent('../roles.json')

resource app 'Microsoft.App/containerApps@2026-01-01' existing = [
  for name in apps: {
    name: name
  }
]

resource task 'Microsoft.App/jobs@2026-01-01' existing = {
  name: job
}

resource appGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (name, i) in apps: {
    name: guid(resourceGroup().id, name, principalId, roles.Contributor)
    scope: app[i]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.Contributor)
    }
  }
]

resource taskGrant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(task.id, principalId, roles.Contributor)
  scope: task
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.Contributor)
  }
}
