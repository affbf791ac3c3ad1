// Who is told when the server fails, slows down or refuses a model. Each rule runs a query of azure/queries as it stands.
param name string
param location string
param logs string
@description('Address that is mailed.')
param operators string

var rules = [
  {
    name: 'failing-requests'
    query: loadTextContent('../../queries/failing-requests.kql')
    severity: 1
    window: 'PT15M'
  }
  {
    name: 'slow-answers'
    query: loadTextContent('../../queries/slow-answers.kql')
    severity: 2
    window: 'PT1H'
  }
  {
    name: 'refused-models'
    query: loadTextContent('../../queries/refused-models.kql')
    severity: 1
    window: 'PT15M'
  }
  {
    name: 'waiting-work'
    query: loadTextContent('../../queries/waiting-work.kql')
    severity: 2
    window: 'PT15M'
  }
]

resource told 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: '${name}-operators'
  location: 'global'
  properties: {
    groupShortName: 'operators'
    enabled: true
    emailReceivers: [
      {
        name: 'operators'
        emailAddress: operators
        useCommonAlertSchema: true
      }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-03-15-preview' = [for rule in rules: {
  name: '${name}-${rule.name}'
  location: location
  properties: {
    displayName: rule.name
    severity: rule.severity
    enabled: true
    scopes: [
      logs
    ]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: [
        told.id
      ]
    }
  }
}]
