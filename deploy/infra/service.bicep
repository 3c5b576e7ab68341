// The service's processes, from one image: the migration, the workers and the API. Deployed into platform.bicep's resource group.
// Container Apps never start the migration by themselves: docs/azure.md has the order of an upgrade.
targetScope = 'resourceGroup'

param location string = resourceGroup().location

@description('By digest: LOGIN_SERVER/mlrelease@sha256:… What was tested is what runs.')
param image string

@description('Outputs of platform.bicep.')
param imageServer string
param vault string
param databaseHost string

@description('Of stages that name none.')
param mlSubscription string = subscription().subscriptionId

@minValue(1)
param workers int = 2
@minValue(1)
param apiMinReplicas int = 2
param apiMaxReplicas int = 6

var port = 8400

resource environment 'Microsoft.App/managedEnvironments@2026-01-01' existing = {
  name: 'cae-mlrelease'
}

resource apiIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-mlrelease-api'
}

resource workerIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-mlrelease-worker'
}

resource migrateIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-mlrelease-migrate'
}

resource ciIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-mlrelease-ci'
}

resource secrets 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vault
}

// The user is the identity's name, the password a token. The server's certificate is checked: a token goes to nobody else.
var database = '${databaseHost}:5432/mlrelease?sslmode=verify-full&sslrootcert=/etc/ssl/certs/ca-certificates.crt'

// What the access rules and guardrails say is no secret. Files of an app are mounted from its secrets, there is no simpler way.
var access = { name: 'access', value: loadTextContent('../access.yml') }
var guardrails = { name: 'guardrails', value: loadTextContent('../guardrails.yml') }

var sharedEnvironment = [
  { name: 'MLRELEASE_DATABASE_LOGIN', value: 'entra' }
  { name: 'MLRELEASE_SECRETS_DIR', value: '/mnt/secrets' }
  { name: 'MLRELEASE_GUARDRAILS', value: '/mnt/secrets/guardrails.yml' }
]

var mounts = [
  { volumeName: 'secrets', mountPath: '/mnt/secrets' }
  { volumeName: 'data', mountPath: '/data' }
]

resource migrate 'Microsoft.App/jobs@2026-01-01' = {
  name: 'mlrelease-migrate'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${migrateIdentity.id}': {} }
  }
  properties: {
    environmentId: environment.id
    configuration: {
      triggerType: 'Manual'
      replicaTimeout: 1800
      replicaRetryLimit: 0
      manualTriggerConfig: { parallelism: 1, replicaCompletionCount: 1 }
      registries: [{ server: imageServer, identity: migrateIdentity.id }]
    }
    template: {
      containers: [
        {
          name: 'migrate'
          image: image
          command: ['mlrelease', 'migrate']
          env: [
            { name: 'AZURE_CLIENT_ID', value: migrateIdentity.properties.clientId }
            { name: 'MLRELEASE_DATABASE_LOGIN', value: 'entra' }
            { name: 'MLRELEASE_DATABASE_URL', value: 'postgresql+psycopg://${migrateIdentity.name}@${database}' }
            { name: 'MLRELEASE_DATABASE_ROLE', value: 'mlrelease_service' }
          ]
          resources: { cpu: json('0.5'), memory: '1Gi' }
        }
      ]
    }
  }
}

resource worker 'Microsoft.App/containerApps@2026-01-01' = {
  name: 'mlrelease-worker'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${workerIdentity.id}': {} }
  }
  properties: {
    environmentId: environment.id
    configuration: {
      // No ingress: nobody calls a worker.
      activeRevisionsMode: 'Single'
      registries: [{ server: imageServer, identity: workerIdentity.id }]
      secrets: [
        guardrails
        { name: 'signing-keys', keyVaultUrl: '${secrets.properties.vaultUri}secrets/signing-keys', identity: workerIdentity.id }
      ]
    }
    template: {
      // A worker that stops lets go at a safe point (MLRELEASE_STOP_SECONDS); others take over what it had.
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: 'worker'
          image: image
          command: ['mlrelease', 'worker']
          env: concat(sharedEnvironment, [
            { name: 'AZURE_CLIENT_ID', value: workerIdentity.properties.clientId }
            { name: 'MLRELEASE_DATABASE_URL', value: 'postgresql+psycopg://${workerIdentity.name}@${database}' }
            { name: 'MLRELEASE_AZURE', value: 'azure' }
            { name: 'MLRELEASE_SUBSCRIPTION', value: mlSubscription }
            { name: 'MLRELEASE_STOP_SECONDS', value: '45' }
          ])
          resources: { cpu: json('1.0'), memory: '2Gi' }
          volumeMounts: mounts
          // No probes: it listens nowhere. A worker that hangs loses its lease, and another one goes on with its work.
        }
      ]
      // Never scaled by load, and never to nothing: rollouts are under way at all times.
      scale: { minReplicas: workers, maxReplicas: workers }
      volumes: [
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            { secretRef: 'guardrails', path: 'guardrails.yml' }
            { secretRef: 'signing-keys', path: 'MLRELEASE_SIGNING_KEYS' }
          ]
        }
        { name: 'data', storageType: 'EmptyDir' }
      ]
    }
  }
}

resource api 'Microsoft.App/containerApps@2026-01-01' = {
  name: 'mlrelease-api'
  location: location
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${apiIdentity.id}': {} }
  }
  properties: {
    environmentId: environment.id
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: {
        external: true
        targetPort: port
        transport: 'auto'
        allowInsecure: false
      }
      registries: [{ server: imageServer, identity: apiIdentity.id }]
      secrets: [
        access
        guardrails
        { name: 'signing-keys', keyVaultUrl: '${secrets.properties.vaultUri}secrets/signing-keys', identity: apiIdentity.id }
        { name: 'provenance-key', keyVaultUrl: '${secrets.properties.vaultUri}secrets/provenance-key', identity: apiIdentity.id }
      ]
    }
    template: {
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: 'api'
          image: image
          command: ['mlrelease', 'serve']
          env: concat(sharedEnvironment, [
            { name: 'AZURE_CLIENT_ID', value: apiIdentity.properties.clientId }
            { name: 'MLRELEASE_DATABASE_URL', value: 'postgresql+psycopg://${apiIdentity.name}@${database}' }
            { name: 'MLRELEASE_HOST', value: '0.0.0.0' }
            { name: 'MLRELEASE_PORT', value: string(port) }
            { name: 'MLRELEASE_BEHIND_PROXY', value: 'true' }
            { name: 'MLRELEASE_PUBLIC_URL', value: 'https://mlrelease-api.${environment.properties.defaultDomain}' }
            { name: 'MLRELEASE_ACCESS', value: '/mnt/secrets/access.yml' }
            { name: 'MLRELEASE_PROVENANCE_KEY_FILE', value: '/mnt/secrets/provenance-key.pem' }
          ])
          resources: { cpu: json('1.0'), memory: '2Gi' }
          volumeMounts: mounts
          probes: [
            { type: 'Startup', httpGet: { path: '/health/live', port: port }, periodSeconds: 2, failureThreshold: 10, timeoutSeconds: 5 }
            { type: 'Liveness', httpGet: { path: '/health/live', port: port }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 }
            { type: 'Readiness', httpGet: { path: '/health/ready', port: port }, periodSeconds: 5, failureThreshold: 3, timeoutSeconds: 5 }
          ]
        }
      ]
      // Who waits for a release holds a connection and costs next to nothing, and counts as a request: by the usual 10 or 100 of them
      // replicas would be added for callers that sleep.
      scale: {
        minReplicas: apiMinReplicas
        maxReplicas: apiMaxReplicas
        rules: [{ name: 'requests', http: { metadata: { concurrentRequests: '1000' } } }]
      }
      volumes: [
        {
          name: 'secrets'
          storageType: 'Secret'
          secrets: [
            { secretRef: 'access', path: 'access.yml' }
            { secretRef: 'guardrails', path: 'guardrails.yml' }
            { secretRef: 'signing-keys', path: 'MLRELEASE_SIGNING_KEYS' }
            { secretRef: 'provenance-key', path: 'provenance-key.pem' }
          ]
        }
        { name: 'data', storageType: 'EmptyDir' }
      ]
    }
  }
  // Workers of a new version come first: they must be able to carry out what the API queues.
  dependsOn: [worker]
}

// CI may start the migration and update these three, and nothing else here.
module deployer 'modules/apps-deployer.bicep' = {
  name: 'apps-deployer'
  params: {
    principalId: ciIdentity.properties.principalId
    apps: [api.name, worker.name]
    job: migrate.name
  }
}

output url string = 'https://${api.properties.configuration.ingress.fqdn}'
