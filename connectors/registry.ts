// Every connector in one line: its spec, and its code loaded only when a job needs it.
import type { z } from 'zod'
import type { Connector } from './connector.ts'

export interface ConnectorEntry {
  spec: z.ZodType
  load(): Promise<Connector<never>>
}

export const connectors: Readonly<Record<string, ConnectorEntry>> = {}
