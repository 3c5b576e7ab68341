// The Azure ML registry that models and environments go through from dev to prod, and the role that shares to it.
param name string

@description('The first is its home and cannot be changed later, more can be added. Each workspace must be in one of them.')
param regions array

@description('Who may share to it.')
param publishers array = []

var here = resourceGroup().id

resource registry 'Microsoft.MachineLearningServices/registries@2024-10-01' = {
  name: name
  location: regions[0]
  kind: 'registry'
  identity: { type: 'SystemAssigned' }
  properties: {
    publicNetworkAccess: 'Enabled'
    regionDetails: [
      for region in regions: {
        location: region
        storageAccountDetails: [
          {
            systemCreatedStorageAccount: {
              storageAccountName: 'st${uniqueString(here, name, region)}'
              storageAccountType: 'Standard_ZRS'
              storageAccountHnsEnabled: false
              allowBlobPublicAccess: false
            }
          }
        ]
        acrDetails: [
          {
            systemCreatedAcrAccount: {
              acrAccountName: 'acr${uniqueString(here, name, region)}'
              acrAccountSku: 'Premium'
            }
          }
        ]
      }
    ]
  }
}

// Azure's own AzureML Registry User may also delete what is shared: what serves prod would be gone.
resource publisher 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(registry.id, 'publisher')
  properties: {
    // Names of roles are unique in the tenant.
    roleName: 'mlrelease: share to ${name}'
    description: 'Reads and writes assets of an Azure ML registry, and deletes none.'
    type: 'customRole'
    permissions: [
      {
        actions: [
          'Microsoft.MachineLearningServices/registries/read'
          'Microsoft.MachineLearningServices/registries/assets/read'
          'Microsoft.MachineLearningServices/registries/assets/write'
          // Before a release it is looked up what the service and the endpoint's identity may do here.
          'Microsoft.Authorization/*/read'
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
  for principal in publishers: {
    name: guid(registry.id, principal, publisher.name)
    scope: registry
    properties: {
      principalId: principal
      principalType: 'ServicePrincipal'
      roleDefinitionId: publisher.id
    }
  }
]

output name string = registry.name
