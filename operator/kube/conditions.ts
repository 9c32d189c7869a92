// Conditions as the API conventions define them (metav1.Condition): one per type, `lastTransitionTime` moves only
// when the status does, `observedGeneration` says which spec the statement is about.
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md

export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  observedGeneration: number
  lastTransitionTime: string
  /** One CamelCase word, or an error code. */
  reason: string
  message: string
}

export type Statement = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>

/** What messages may weigh: the schema's maxLength for metav1 conditions. */
const messageLengthMax = 32_768

/** The conditions after stating something now; others stay as they are. */
export function withCondition(
  conditions: readonly Condition[],
  statement: Statement,
  at: { generation: number; nowMs: number },
): Condition[] {
  const previous = conditions.find(condition => condition.type === statement.type)
  const transitioned = previous === undefined || previous.status !== statement.status
  const next: Condition = {
    type: statement.type,
    status: statement.status,
    observedGeneration: at.generation,
    lastTransitionTime: transitioned ? metaTime(at.nowMs) : previous.lastTransitionTime,
    reason: statement.reason,
    message: statement.message.slice(0, messageLengthMax),
  }
  return previous === undefined
    ? [...conditions, next]
    : conditions.map(condition => (condition === previous ? next : condition))
}

/** The Time format of Kubernetes: RFC 3339, whole seconds. */
export function metaTime(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}
