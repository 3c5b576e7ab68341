// Who may read a subscription's quota for virtual machines, and list its workspaces: what a release is checked against before it begins.
targetScope = 'subscription'

param readers array

var here = subscription().id

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, 'mlrelease quota reader')
  properties: {
    roleName: 'mlrelease: read the quota of ${subscription().subscriptionId}'
    description: 'Reads the quota of Azure ML in each region, and lists workspaces.'
    type: 'customRole'
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/locations/usages/read'
          'Microsoft.MachineLearningServices/locations/vmSizes/read'
          'Microsoft.MachineLearningServices/workspaces/read'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [here]
  }
}

resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principal in readers: {
    name: guid(subscription().id, principal, role.name)
    properties: {
      principalId: principal
      principalType: 'ServicePrincipal'
      roleDefinitionId: role.id
    }
  }
]
