// Values of the chart that are refused, each by a message that says which and why.

export const wrongValues: { name: string; value: string; message: string }[] = [
  { name: 'a misspelt value', value: 'replica=2', message: "additional properties 'replica' not allowed" },
  { name: 'a value of a wrong type', value: 'replicas=two', message: 'want integer' },
  { name: 'a digest that is none', value: 'image.digest=1.2.3', message: 'does not match pattern' },
  { name: 'an unknown part of monitoring', value: 'monitoring.rule=1', message: "'rule' not allowed" },
  { name: 'env that the chart sets', value: 'env[0].name=POD_NAME', message: 'not' },
  {
    name: 'a priority that no job has',
    value: 'workers.priorityClassNames.urgent=x',
    message: "'urgent' not allowed",
  },
  {
    name: 'a label that selects the operator',
    value: 'commonLabels.app\\.kubernetes\\.io/name=x',
    message: "invalid propertyName 'app.kubernetes.io/name'",
  },
  {
    name: 'a budget that lets no node be drained',
    value: 'podDisruptionBudget.maxUnavailable=0%',
    message: "'0%' does not match",
  },
  {
    name: 'an alert that there is not',
    value: 'monitoring.enabled=true,monitoring.rules.disabled={SluiceLagHihg}',
    message: 'monitoring.rules.disabled: there is no alert SluiceLagHihg; there are SluiceJobFailing,',
  },
  {
    name: 'everyone as a reader of metrics, by a value that was taken away',
    value: 'networkPolicy.enabled=true,networkPolicy.prometheus=null',
    message: "at '/networkPolicy': missing property 'prometheus'",
  },
  {
    name: 'a part that was taken away',
    value: 'monitoring=null',
    message: "missing property 'monitoring'",
  },
  { name: 'a log level that there is not', value: 'logLevel=loud', message: 'must be one of' },
]
