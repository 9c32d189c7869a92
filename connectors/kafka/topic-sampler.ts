// Looks at the first and last records of topics to learn their columns and the size of a record. What was learned
// stays: later looks only add columns and fields, so a schema does not waver with the records that happen to be last.
import type { Column } from '#catalog/types.ts'
import type { ObjectsAs } from '#catalog/json/sample.ts'
import { JsonSample } from '#catalog/json/sample.ts'
import { withSampledFields } from '#catalog/sampled-schema.ts'
import { DataError } from '#common/errors.ts'
import type { KafkaClient, PartitionOffset } from './client.ts'
import type { FetchedPartition } from './fetch-response.ts'
import { RecordCursor, completeBatches } from './record-batch.ts'

/** The readable range of a partition and the node that leads it. */
export interface PartitionRange {
  topic: string
  partition: number
  leader: number
  earliest: number
  latest: number
}

export interface TopicSample {
  columns: readonly Column[]
  /** Mean bytes of a value; 0 when there was no record. */
  recordBytes: number
  /** Records that are JSON objects, and those looked at. */
  documents: number
  records: number
}

const partitionsMax = 4
/** Of a topic, half from the start of the partitions and half from the end. */
const recordsMax = 500
const fetchBytesMax = 256 * 1024
const partitionsPerFetch = 32

interface Place extends PartitionOffset {
  leader: number
  latest: number
  /** Records to take. */
  share: number
}

type Samples = Map<string, JsonSample>

class Learned {
  readonly columns = new Map<string, Column>()
  /** Sum of the end offsets when the topic was last looked at. */
  seenTo = -1
  bytes = 0
  records = 0
  documents = 0
}

export class TopicSampler {
  readonly #client: KafkaClient
  readonly #objects: ObjectsAs
  readonly #learned = new Map<string, Learned>()

  /** @param objects how objects and arrays are taken */
  constructor(client: KafkaClient, objects: ObjectsAs) {
    this.#client = client
    this.#objects = objects
  }

  /** Looks at topics that have grown since the last time, and tells what is known of each. */
  async sample(
    ranges: readonly PartitionRange[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, TopicSample>> {
    const byTopic = Map.groupBy(ranges, range => range.topic)
    const heads = [...byTopic].flatMap(([topic, partitions]) => this.#grown(topic, partitions))
    const tails = heads
      .filter(place => place.latest - place.offset > place.share)
      .map(place => ({ ...place, offset: Math.max(place.offset + place.share, place.latest - place.share) }))
    const samples = new Map<string, JsonSample>()
    await this.#look(heads, samples, signal)
    await this.#look(tails, samples, signal)
    for (const [topic, sample] of samples) {
      const { columns } = this.#topic(topic)
      for (const column of sample.columns()) {
        const { type } = columns.get(column.name) ?? column
        columns.set(column.name, { ...column, type: withSampledFields(type, column.type) })
      }
    }
    return new Map([...byTopic.keys()].map(topic => [topic, summary(this.#topic(topic))]))
  }

  /** Where to look first: at the start of some partitions, when the topic has grown since the last time. */
  #grown(topic: string, partitions: readonly PartitionRange[]): Place[] {
    const learned = this.#topic(topic)
    const end = partitions.reduce((sum, range) => sum + range.latest, 0)
    if (end === learned.seenTo) return []
    learned.seenTo = end
    const looked = partitions.filter(range => range.latest > range.earliest).slice(0, partitionsMax)
    const share = Math.ceil(recordsMax / 2 / looked.length)
    return looked.map(range => ({ ...range, offset: range.earliest, share }))
  }

  #topic(topic: string): Learned {
    let learned = this.#learned.get(topic)
    if (learned === undefined) {
      learned = new Learned()
      this.#learned.set(topic, learned)
    }
    return learned
  }

  async #look(places: readonly Place[], samples: Samples, signal: AbortSignal): Promise<void> {
    for (const [leader, led] of Map.groupBy(places, place => place.leader)) {
      // A batch larger than a fetch comes only to the first of a request, so those that got none are asked again.
      for (let left = led; left.length > 0;) {
        signal.throwIfAborted()
        const asked = left.slice(0, partitionsPerFetch)
        const empty = await this.#lookOnce(leader, asked, samples)
        left = [...empty.filter(place => place !== asked[0]), ...left.slice(partitionsPerFetch)]
      }
    }
  }

  /** Gives back the places that got no complete batch. */
  async #lookOnce(leader: number, places: readonly Place[], samples: Samples): Promise<Place[]> {
    const response = await this.#client.fetch(leader, {
      partitions: places.map(({ topic, partition, offset }) => ({
        topic,
        partition,
        offset,
        bytesMax: fetchBytesMax,
      })),
      waitMs: 100,
      bytesMax: partitionsPerFetch * fetchBytesMax,
    })
    // In the order asked for, whatever the order of the answer: the order of columns depends on it.
    return places.filter(place => {
      const fetched = response.partitions.find(
        found => found.topic === place.topic && found.partition === place.partition,
      )
      return fetched?.errorCode === 0 && !this.#learnFrom(fetched, place, samples)
    })
  }

  /** False when no complete batch came. Records that cannot be read tell nothing: whoever syncs the topic hears of it. */
  #learnFrom(fetched: FetchedPartition, place: Place, samples: Samples): boolean {
    try {
      const { length } = completeBatches(fetched.records)
      if (length === 0) return false
      this.#learn({ ...fetched, records: fetched.records.subarray(0, length) }, place, samples)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
    }
    return true
  }

  #learn(fetched: FetchedPartition, place: Place, samples: Samples): void {
    const learned = this.#topic(fetched.topic)
    const sample = samples.get(fetched.topic) ?? new JsonSample(this.#objects)
    samples.set(fetched.topic, sample)
    const cursor = new RecordCursor()
    cursor.open(fetched.records, fetched.aborted)
    for (let taken = 0; taken < place.share && cursor.next();) {
      if (cursor.offset < place.offset) continue
      taken++
      if (cursor.valueStart < 0) continue
      learned.records++
      learned.bytes += cursor.valueEnd - cursor.valueStart
      const value = Buffer.from(cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd)).toString()
      if (sample.add(value)) learned.documents++
    }
  }
}

function summary(learned: Learned): TopicSample {
  return {
    columns: [...learned.columns.values()],
    recordBytes: learned.records === 0 ? 0 : Math.ceil(learned.bytes / learned.records),
    documents: learned.documents,
    records: learned.records,
  }
}
