// PostgreSQL that knows no passwords: who connects has a token of Entra ID.
param name string
param location string
param sku object

@description('Who makes the service\'s roles in it: objects with objectId, name and type (Group, User or ServicePrincipal).')
@minLength(1)
param administrators array

@allowed(['Disabled', 'SameZone', 'ZoneRedundant'])
param highAvailability string = 'Disabled'

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2025-08-01' = {
  name: name
  location: location
  sku: sku
  properties: {
    version: '17'
    authConfig: {
      activeDirectoryAuth: 'Enabled'
      passwordAuth: 'Disabled'
      tenantId: tenant().tenantId
    }
    storage: { storageSizeGB: 32, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: 35, geoRedundantBackup: 'Disabled' }
    highAvailability: { mode: highAvailability }
  }
}

// One after the other: the server is busy after each.
@batchSize(1)
resource administrator 'Microsoft.DBforPostgreSQL/flexibleServers/administrators@2025-08-01' = [
  for each in administrators: {
    parent: server
    name: each.objectId
    properties: {
      principalName: each.name
      principalType: each.type
      tenantId: tenant().tenantId
    }
  }
]

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2025-08-01' = {
  parent: server
  name: 'mlrelease'
  properties: { charset: 'UTF8', collation: 'en_US.utf8' }
  dependsOn: [administrator]
}

// Container Apps without a network of their own come from Azure's addresses, which this lets in. They need a token all the same.
resource azure 'Microsoft.DBforPostgreSQL/flexibleServers/firewallRules@2025-08-01' = {
  parent: server
  name: 'azure'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
  dependsOn: [database]
}

output host string = server.properties.fullyQualifiedDomainName
output database string = database.name
