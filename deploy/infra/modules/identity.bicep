// A user-assigned identity: it has no secret, and is there before what runs as it.
param name string
param location string

@description('Who may give this identity to resources of theirs.')
param operators array = []

@description('Workflows that may log in as this identity, without a secret: objects with name, issuer and subject.')
param federated array = []

var roles = loadJsonContent('../roles.json')

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

// One after the other: Azure refuses concurrent writes to the credentials of one identity.
@batchSize(1)
resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = [
  for each in federated: {
    parent: identity
    name: each.name
    properties: {
      issuer: each.issuer
      subject: each.subject
      audiences: ['api://AzureADTokenExchange']
    }
  }
]

resource operator 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principal in operators: {
    name: guid(identity.id, principal, roles['Managed Identity Operator'])
    scope: identity
    properties: {
      principalId: principal
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Managed Identity Operator'])
    }
  }
]

output id string = identity.id
output name string = identity.name
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
