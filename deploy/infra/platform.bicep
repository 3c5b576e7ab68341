// What all environments share, deployed once and before them: the registry between dev and prod, the service's database, identities,
// container registry and secrets' vault. No process of the service runs yet: see service.bicep.
targetScope = 'resourceGroup'

param location string = resourceGroup().location

@description('The Azure ML registry\'s name, unique in the tenant: part of every shared asset\'s id, and never to be changed.')
param registryName string

@description('Of the registry. The first cannot be changed later; every environment\'s location must be one of them.')
@minLength(1)
param registryRegions array

@description('Who may make the service\'s roles in PostgreSQL: objects with objectId, name and type (Group, User or ServicePrincipal).')
@minLength(1)
param databaseAdministrators array

param databaseSku object = { name: 'Standard_D2ds_v5', tier: 'GeneralPurpose' }

@allowed(['Disabled', 'SameZone', 'ZoneRedundant'])
param databaseHighAvailability string = 'ZoneRedundant'

@description('Workflows that may deploy the service: objects with name, issuer and subject. None of them has a secret.')
param ci array

var unique = uniqueString(resourceGroup().id)

// The API needs nothing in Azure but its database, image and secrets.
module api 'modules/identity.bicep' = {
  name: 'api-identity'
  params: { name: 'id-mlrelease-api', location: location, operators: [deployer.outputs.principalId] }
}

module worker 'modules/identity.bicep' = {
  name: 'worker-identity'
  params: { name: 'id-mlrelease-worker', location: location, operators: [deployer.outputs.principalId] }
}

// Alone may change the database's tables.
module migrate 'modules/identity.bicep' = {
  name: 'migrate-identity'
  params: { name: 'id-mlrelease-migrate', location: location, operators: [deployer.outputs.principalId] }
}

// CI: pushes images, starts the migration, updates the apps.
module deployer 'modules/identity.bicep' = {
  name: 'ci-identity'
  params: { name: 'id-mlrelease-ci', location: location, federated: ci }
}

module logs 'modules/logs.bicep' = {
  name: 'logs'
  params: { name: 'mlrelease', location: location }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  params: {
    name: registryName
    regions: registryRegions
    publishers: [worker.outputs.principalId]
  }
}

module images 'modules/images.bicep' = {
  name: 'images'
  params: {
    name: take('crmlrelease${unique}', 50)
    location: location
    grants: [
      { principalId: api.outputs.principalId, role: 'AcrPull' }
      { principalId: worker.outputs.principalId, role: 'AcrPull' }
      { principalId: migrate.outputs.principalId, role: 'AcrPull' }
      { principalId: deployer.outputs.principalId, role: 'AcrPush' }
    ]
  }
}

// The signing keys. Whoever sets them needs Key Vault Secrets Officer here, for as long as that takes.
module vault 'modules/vault.bicep' = {
  name: 'vault'
  params: {
    name: take('kv-release-${unique}', 24)
    location: location
    grants: [
      { principalId: api.outputs.principalId, role: 'Key Vault Secrets User' }
      { principalId: worker.outputs.principalId, role: 'Key Vault Secrets User' }
    ]
  }
}

module database 'modules/postgresql.bicep' = {
  name: 'postgresql'
  params: {
    name: 'psql-mlrelease-${unique}'
    location: location
    sku: databaseSku
    administrators: databaseAdministrators
    highAvailability: databaseHighAvailability
  }
}

module apps 'modules/apps-environment.bicep' = {
  name: 'apps-environment'
  params: {
    name: 'cae-mlrelease'
    location: location
    logAnalyticsId: logs.outputs.logAnalyticsId
  }
}

output registry string = registry.outputs.name
output imageServer string = images.outputs.loginServer
output vault string = vault.outputs.name
output databaseHost string = database.outputs.host
output ciClientId string = deployer.outputs.clientId
