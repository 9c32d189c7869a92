import { startPostgres } from '#test/bed/postgres.ts'
import { describeTypes } from './types.ts'

describeTypes('18', () => startPostgres())
