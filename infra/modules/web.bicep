// The app itself: a Linux container that is always there, and whose sockets stay open.
param planName string
param siteName string
param location string
param tags object
param planSku string
param instances int

@description('Image with registry and tag. Empty: a page of the platform, which never gets healthy here.')
param image string

@description('Identity of the app, by resource id.')
param identityId string
param identityClientId string
param vaultName string
param voiceLiveEndpoint string
param voiceLiveModel string
param voiceLiveVoice string
param twilioAccountSid string

@description('Whether the vault holds it. A reference to a secret that is missing would be handed on as it stands.')
param twilioSecret bool
param pageSecret bool

@description('Log Analytics workspace, by resource id.')
param workspaceId string
param insightsConnection string

var placeholder = 'mcr.microsoft.com/appsvc/staticsite:latest'
var always = {
  HOST: '0.0.0.0'
  PORT: '8000'
  WEBSITES_PORT: '8000'
  PUBLIC_URL: 'https://${site.properties.defaultHostName}'
  AZURE_VOICE_LIVE_ENDPOINT: voiceLiveEndpoint
  AZURE_CLIENT_ID: identityClientId
  VOICE_LIVE_MODEL: voiceLiveModel
  VOICE_LIVE_VOICE: voiceLiveVoice
  TWILIO_ACCOUNT_SID: twilioAccountSid
  // The platform waits 120 s at most between SIGTERM and SIGKILL. Ten of them are for goodbyes.
  DRAIN_SECONDS: '110'
  WEBSITES_CONTAINER_STOP_TIME_LIMIT: '120'
  // The container keeps nothing, so it needs no shared disk.
  WEBSITES_ENABLE_APP_SERVICE_STORAGE: 'false'
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
}
var twilio = twilioSecret
  ? { TWILIO_AUTH_TOKEN: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=twilio-auth-token)' }
  : {}
var pages = pageSecret ? { PAGE_SECRET: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=page-secret)' } : {}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'linux'
  sku: {
    name: planSku
    capacity: instances
  }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: siteName
  location: location
  tags: tags
  kind: 'app,linux,container'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    reserved: true
    httpsOnly: true
    // The stream is a connection of its own, and nothing says that it brings the webhook's cookie. A browser's cookie
    // would hold it to an instance that closes.
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    publicNetworkAccess: 'Enabled'
    siteConfig: {
      linuxFxVersion: 'DOCKER|${empty(image) ? placeholder : image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      alwaysOn: true
      webSocketsEnabled: true
      // Twilio's and the browser's sockets are HTTP/1.1; the pages gain nothing from the other.
      http20Enabled: false
      healthCheckPath: '/health'
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      remoteDebuggingEnabled: false
      // What the container says, kept for `az webapp log tail`. In megabytes.
      httpLoggingEnabled: true
      logsDirectorySizeLimit: 35
    }
  }
}

// Apart from the site, because they say the address that the site got. They replace all settings there are.
resource settings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: site
  name: 'appsettings'
  properties: union(always, twilio, pages)
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'ftp'
  properties: { allow: false }
}

resource noDeployPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: site
  name: 'scm'
  properties: { allow: false }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: site
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    // Not AppServiceHTTPLogs: it has a column for cookies, and one of ours opens the pages.
    logs: [
      { category: 'AppServiceConsoleLogs', enabled: true }
      { category: 'AppServicePlatformLogs', enabled: true }
      { category: 'AppServiceAuditLogs', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = site.id
output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
