import { sharedServer } from './shared-server.ts'
import { describeTypes } from './types.ts'

describeTypes('18', sharedServer)
