// Those of invalid-samples.ts that are about `protection.limits` of a DataSource.
import type { InvalidSample } from './invalid-sample.ts'
import { sample } from './invalid-sample.ts'

const dataSource = (spec: string) => sample('DataSource', `{${spec}}`)
const limitsOf = (fields: string) =>
  dataSource(`type: hudi, hudi: {url: "s3://lake"}, protection: {limits: {${fields}}}`)

export const invalidLimits: readonly InvalidSample[] = [
  {
    name: 'limits without a limit',
    yaml: limitsOf('windows: []'),
    validate:
      'spec.protection.limits: give at least one of `recordsPerSecond`, `bytesPerSecond`, `queriesInFlight` and `connections`',
    server: 'give at least one of `recordsPerSecond`, `bytesPerSecond`, `queriesInFlight` and `connections`',
  },
  {
    name: 'a limit of nothing',
    yaml: limitsOf('recordsPerSecond: 0'),
    validate: 'spec.protection.limits.recordsPerSecond: found 0; allowed: 1 to 1000000000',
    server: 'spec.protection.limits.recordsPerSecond: Invalid value: 0',
  },
  {
    name: 'no query at a time',
    yaml: limitsOf('queriesInFlight: 0'),
    validate: 'spec.protection.limits.queriesInFlight: found 0; allowed: 1 to 10000',
    server: 'spec.protection.limits.queriesInFlight: Invalid value: 0',
  },
  {
    name: 'fewer connections than one worker needs',
    yaml: limitsOf('connections: 5'),
    validate: 'spec.protection.limits.connections: found 5; allowed: 6 to 10000',
    server: 'spec.protection.limits.connections: Invalid value: 5',
  },
  {
    name: 'connections of a type that does not count them',
    yaml: dataSource(
      `type: kafka, kafka: {brokers: ['kafka:9092']}, protection: {limits: {connections: 20}}`,
    ),
    validate: 'spec: `protection.limits.connections` is kept to with type postgres only; leave it out',
    server: '`protection.limits.connections` is kept to with type postgres only; leave it out',
  },
  {
    name: 'bytes a second as a number with a unit that there is not',
    yaml: limitsOf('bytesPerSecond: 10MB'),
    validate: 'spec.protection.limits.bytesPerSecond: found "10MB"; use a quantity such as',
    server: 'spec.protection.limits.bytesPerSecond: Invalid value: "10MB"',
  },
  {
    name: 'a window that ends when it begins',
    yaml: limitsOf('recordsPerSecond: 5, windows: [{from: "22:00", to: "22:00", recordsPerSecond: 9}]'),
    validate: 'spec.protection.limits.windows[0]: a window has two different times',
    server: 'a window has two different times',
  },
  {
    name: 'a window with a limit that there is none of outside',
    yaml: limitsOf('recordsPerSecond: 5, windows: [{from: "22:00", to: "06:00", bytesPerSecond: 1Mi}]'),
    validate: 'spec.protection.limits: a window changes limits that hold outside of it',
    server: 'a window changes limits that hold outside of it',
  },
  {
    name: 'a window at a time that there is not',
    yaml: limitsOf('recordsPerSecond: 5, windows: [{from: "24:00", to: "06:00", recordsPerSecond: 9}]'),
    validate: 'spec.protection.limits.windows[0].from: found "24:00"; use a time of the day',
    server: 'spec.protection.limits.windows[0].from: Invalid value: "24:00"',
  },
]
