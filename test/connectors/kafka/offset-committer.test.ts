import { expect } from 'chai'
import { TransientError } from '#common/errors.ts'
import { silentLogger } from '#common/logger.ts'
import { OffsetCommitter } from '#connectors/kafka/offset-committer.ts'
import { FakeKafka } from './fake-client.ts'
import { hastyClock } from './source-bed.ts'

describe('the offsets told to a consumer group', () => {
  const at = (partition: number, offset: number): { topic: string; partition: number; offset: number } => ({
    topic: 't',
    partition,
    offset,
  })

  it('are gathered, the newest of each partition, and told once', async () => {
    const kafka = new FakeKafka()
    const committer = new OffsetCommitter(kafka, 'g', { clock: hastyClock(), logger: silentLogger })
    for (const offset of [at(0, 1), at(1, 5), at(0, 2)]) committer.note(offset)
    while (kafka.commits.length === 0) await new Promise(resolve => setTimeout(resolve, 1))
    committer.note(at(2, 7))
    await committer.close()
    expect(kafka.commits).to.deep.equal([[at(0, 2), at(1, 5)], [at(2, 7)]])
  })

  it('are tried again while the coordinator is not there yet, and then let go', async () => {
    const kafka = new FakeKafka()
    const away = (): TransientError => new TransientError('no coordinator', { code: 'SOURCE_UNREACHABLE' })
    const committer = new OffsetCommitter(kafka, 'g', { clock: hastyClock(), logger: silentLogger })
    kafka.failures.commitOffsets = [away(), away()]
    committer.note(at(0, 1))
    await committer.close()
    expect(kafka.commits).to.deep.equal([[at(0, 1)]])
    kafka.failures.commitOffsets = Array.from({ length: 5 }, away)
    committer.note(at(0, 2))
    await committer.close()
    expect(kafka.commits).to.have.length(1)
  })
})
