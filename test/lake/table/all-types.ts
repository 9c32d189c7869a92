// A schema with every type, and rows at the ends of what they hold.
import type { TableSchema } from '#catalog/types.ts'
import type { Value } from './vectors.ts'

export const allTypes: TableSchema = {
  columns: [
    { name: 'id', type: { kind: 'string' }, nullable: false },
    { name: 'yes', type: { kind: 'boolean' }, nullable: true },
    { name: 'small', type: { kind: 'int32' }, nullable: true },
    { name: 'big', type: { kind: 'int64' }, nullable: true },
    { name: 'single', type: { kind: 'float32' }, nullable: true },
    { name: 'real', type: { kind: 'float64' }, nullable: true },
    { name: 'price', type: { kind: 'decimal', precision: 10, scale: 2 }, nullable: true },
    { name: 'rate', type: { kind: 'decimal', precision: 18, scale: 4 }, nullable: true },
    { name: 'huge', type: { kind: 'decimal', precision: 38, scale: 10 }, nullable: true },
    { name: 'text', type: { kind: 'string' }, nullable: true },
    { name: 'raw', type: { kind: 'bytes' }, nullable: true },
    { name: 'day', type: { kind: 'date' }, nullable: true },
    { name: 'at', type: { kind: 'timestamp' }, nullable: true },
    { name: 'tags', type: { kind: 'list', element: { kind: 'string' } }, nullable: true },
    { name: 'sums', type: { kind: 'list', element: { kind: 'int64' } }, nullable: true },
    {
      name: 'grid',
      type: { kind: 'list', element: { kind: 'list', element: { kind: 'int32' } } },
      nullable: true,
    },
    {
      name: 'place',
      type: {
        kind: 'struct',
        fields: [
          { name: 'city', type: { kind: 'string' } },
          { name: 'fee', type: { kind: 'decimal', precision: 10, scale: 2 } },
          { name: 'seen', type: { kind: 'list', element: { kind: 'date' } } },
          {
            name: 'spot',
            type: {
              kind: 'struct',
              fields: [
                { name: 'lat', type: { kind: 'float64' } },
                { name: 'day', type: { kind: 'date' } },
              ],
            },
          },
        ],
      },
      nullable: true,
    },
    {
      name: 'items',
      type: {
        kind: 'list',
        element: {
          kind: 'struct',
          fields: [
            { name: 'sku', type: { kind: 'string' } },
            { name: 'qty', type: { kind: 'int32' } },
          ],
        },
      },
      nullable: true,
    },
    { name: 'counts', type: { kind: 'map', value: { kind: 'int64' } }, nullable: true },
  ],
  key: ['id'],
}

const year1 = -719_162
const year9999 = 2_932_896
const microsPerDay = 86_400_000_000n

/** Rows by what is special about them. The id is not among the columns. */
export const extremes: readonly Readonly<Record<string, Value>>[] = [
  {},
  {
    yes: true,
    small: 2 ** 31 - 1,
    big: 2n ** 63n - 1n,
    single: Math.fround(3.4028234663852886e38),
    real: Number.MAX_VALUE,
    price: 10n ** 10n - 1n,
    rate: 10n ** 18n - 1n,
    huge: 10n ** 38n - 1n,
    text: 'é€😀\0"\\\n',
    raw: Buffer.from([0, 255, 128]),
    day: year9999,
    at: BigInt(year9999) * microsPerDay + 86_399_999_999n,
    tags: ['', null, '😀'],
    sums: [2n ** 63n - 1n, -(2n ** 63n)],
    grid: [[1, 2], [], null, [3]],
    place: ['Ulm', 10n ** 10n - 1n, [0, null, year1], [5e-324, year9999]],
    items: [['a', 2 ** 31 - 1], null, ['', null], [null, null]],
    counts: [
      ['', 2n ** 63n - 1n],
      ['é€😀', null],
    ],
  },
  {
    yes: false,
    small: -(2 ** 31),
    big: -(2n ** 63n),
    single: Math.fround(1e-45),
    real: 5e-324,
    price: -(10n ** 10n - 1n),
    rate: -(10n ** 18n - 1n),
    huge: -(10n ** 38n - 1n),
    text: '',
    raw: Buffer.alloc(0),
    day: year1,
    at: BigInt(year1) * microsPerDay,
    tags: [],
    sums: [],
    grid: [],
    place: [null, null, [], null],
    items: [],
    counts: [],
  },
  {
    small: 0,
    big: 0n,
    single: -0,
    real: -0,
    price: 0n,
    rate: 1n,
    huge: -1n,
    day: 0,
    at: -1n,
    place: [null, -1n, null, [null, null]],
  },
  { real: Number.NaN, single: Number.NaN, day: -141_428, at: -12_219_292_800_000_001n },
  { real: Number.POSITIVE_INFINITY, single: Number.NEGATIVE_INFINITY, price: 12_345n, rate: -5n },
]
