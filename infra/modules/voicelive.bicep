// The resource that Voice Live is part of. There are no keys: whoever speaks to it is signed in and has both roles.
param name string
param location string
param tags object

@description('Object id of the app.')
param appPrincipalId string

@description('Object id of whoever deploys, so that `voicebot doctor` works there too. Empty: nobody.')
param deployerId string
param deployerType string

@description('Log Analytics workspace, by resource id.')
param workspaceId string

// Voice Live asks for both: Cognitive Services User, and Foundry User, which was called Azure AI User.
var voiceLiveRoles = [
  'a97b65f3-24c7-4388-baec-2e87135dc908'
  '53ca6127-db72-4b80-b1b0-d745d6d5456d'
]

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
  // A Foundry resource has an identity of its own, even where nothing uses it.
  identity: { type: 'SystemAssigned' }
  properties: {
    // Signing in with Entra ID works only by a name of one's own.
    customSubDomainName: name
    disableLocalAuth: true
    allowProjectManagement: true
    publicNetworkAccess: 'Enabled'
  }
}

resource appRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in voiceLiveRoles: {
    scope: account
    name: guid(account.id, appPrincipalId, role)
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource deployerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in voiceLiveRoles: if (!empty(deployerId)) {
    scope: account
    name: guid(account.id, deployerId, role)
    properties: {
      principalId: deployerId
      principalType: deployerType
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-log-analytics'
  properties: {
    workspaceId: workspaceId
    // Who asked, when, and what came of it; not what was said.
    logs: [
      { category: 'Audit', enabled: true }
      { category: 'RequestResponse', enabled: true }
    ]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = account.name
output endpoint string = 'https://${account.properties.customSubDomainName}.services.ai.azure.com'
