// Everything that one bot needs in Azure, in a resource group of its own. docs/azure.md says why each part is so.
targetScope = 'subscription'

@description('Name of the azd environment. Every resource carries it as a tag.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of everything. Voice Live has to be offered there.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Resource group. It is made if need be, and removed with all that is in it.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${environmentName}'

@description('Object id of whoever deploys: may write the secrets and speak to Voice Live. Empty: nobody.')
param principalId string = ''

@description('What that is.')
@allowed(['User', 'ServicePrincipal', 'Group'])
param principalType string = 'User'

@description('Image that the app runs, with registry and tag. Empty: a page of the platform until there is one.')
param image string = ''

@description('Size of an instance. Smaller ones than B1 are put to sleep, and a caller would wait for them.')
@allowed(['B1', 'B2', 'B3', 'S1', 'S2', 'S3', 'P0v3', 'P1v3', 'P2v3', 'P3v3', 'P0v4', 'P1v4', 'P2v4', 'P3v4'])
param planSku string = 'B1'

@description('How many instances. Keep it 1: docs/operations.md says what several mean to callers.')
@minValue(1)
@maxValue(30)
param instances int = 1

@description('Model that answers.')
@minLength(1)
param voiceLiveModel string = 'gpt-4.1-mini'

@description('Voice that speaks.')
@minLength(1)
param voiceLiveVoice string = 'en-US-AvaNeural'

@description('Twilio account whose calls are taken. It is no secret.')
param twilioAccountSid string = ''

@description('Whether the vault holds the secret twilio-auth-token.')
param twilioSecret bool = false

@description('Whether the vault holds the secret page-secret.')
param pageSecret bool = false

@description('Address that is written to when the app is not healthy. Empty: no alert.')
param alertEmail string = ''

// The same for the same names, and no one else's.
var token = toLower(uniqueString(subscription().id, resourceGroupName, environmentName, location))
var tags = { 'azd-env-name': environmentName }

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    name: 'id-${token}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    workspaceName: 'log-${token}'
    insightsName: 'appi-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module voiceLive 'modules/voicelive.bicep' = {
  name: 'voicelive'
  scope: group
  params: {
    name: 'voice-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    deployerId: principalId
    deployerType: principalType
    workspaceId: monitoring.outputs.workspaceId
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: {
    name: 'cr${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module vault 'modules/vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    deployerId: principalId
    deployerType: principalType
    workspaceId: monitoring.outputs.workspaceId
  }
}

module web 'modules/web.bicep' = {
  name: 'web'
  scope: group
  // The app pulls its image and reads its secrets as soon as it is there.
  dependsOn: [registry]
  params: {
    planName: 'plan-${token}'
    siteName: 'voicebot-${token}'
    location: location
    tags: tags
    planSku: planSku
    instances: instances
    image: image
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    vaultName: vault.outputs.name
    voiceLiveEndpoint: voiceLive.outputs.endpoint
    voiceLiveModel: voiceLiveModel
    voiceLiveVoice: voiceLiveVoice
    twilioAccountSid: twilioAccountSid
    twilioSecret: twilioSecret
    pageSecret: pageSecret
    workspaceId: monitoring.outputs.workspaceId
    insightsConnection: monitoring.outputs.insightsConnection
  }
}

module alert 'modules/alert.bicep' = if (!empty(alertEmail)) {
  name: 'alert'
  scope: group
  params: {
    name: 'unhealthy-${token}'
    tags: tags
    email: alertEmail
    siteId: web.outputs.id
  }
}

output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_NAME string = registry.outputs.name
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.endpoint
output AZURE_KEY_VAULT_NAME string = vault.outputs.name
output AZURE_WEBAPP_NAME string = web.outputs.name
output WEBAPP_URL string = web.outputs.url
output AZURE_VOICE_LIVE_ENDPOINT string = voiceLive.outputs.endpoint
output AZURE_VOICE_LIVE_NAME string = voiceLive.outputs.name
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output AZURE_LOG_WORKSPACE_ID string = monitoring.outputs.workspaceCustomerId
