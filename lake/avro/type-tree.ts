// An Avro schema as a tree with every named type resolved, which is what schema mapping and the record decoder
// walk. See https://avro.apache.org/docs/1.11.1/specification/.
import { DataError } from '#common/errors.ts'

export interface AvroFieldNode {
  name: string
  node: AvroNode
}

export interface AvroNode {
  kind:
    | 'null'
    | 'boolean'
    | 'int'
    | 'long'
    | 'float'
    | 'double'
    | 'bytes'
    | 'string'
    | 'fixed'
    | 'enum'
    | 'array'
    | 'map'
    | 'record'
    | 'union'
  logicalType?: string
  precision?: number
  scale?: number
  /** fixed: bytes a value takes. */
  size?: number
  /** enum: its words. */
  symbols?: readonly string[]
  /** array: the items; map: the values; union: the branches in order. */
  children?: readonly AvroNode[]
  /** record: the fields in order. Filled after creation, since a record may hold itself. */
  fields?: AvroFieldNode[]
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])

type Json = Readonly<Record<string, unknown>>

/**
 * The tree of a schema: JSON text, or the parsed JSON.
 * @throws DataError LAKE_FILE_CORRUPT when it is no Avro schema.
 */
export function avroTree(schema: unknown): AvroNode {
  return nodeOf(typeof schema === 'string' ? parsed(schema) : schema, '', new Map())
}

function parsed(text: string): unknown {
  if (primitives.has(text)) return text
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DataError('The Avro schema is not JSON', { code: 'LAKE_FILE_CORRUPT', cause })
  }
}

function nodeOf(schema: unknown, namespace: string, named: Map<string, AvroNode>): AvroNode {
  if (typeof schema === 'string') return namedNode(schema, namespace, named)
  if (Array.isArray(schema))
    return { kind: 'union', children: schema.map(branch => nodeOf(branch, namespace, named)) }
  if (typeof schema !== 'object' || schema === null) throw malformed('neither name, object nor union')
  const json = schema as Json
  const type = json['type']
  switch (type) {
    case 'record':
    case 'error':
      return recordNode(json, namespace, named)
    case 'fixed':
      return declare(json, namespace, named, { kind: 'fixed', size: fixedSize(json), ...logical(json) })
    case 'enum':
      return declare(json, namespace, named, { kind: 'enum', symbols: list(json['symbols']) as string[] })
    case 'array':
      return { kind: 'array', children: [nodeOf(json['items'], namespace, named)] }
    case 'map':
      return { kind: 'map', children: [nodeOf(json['values'], namespace, named)] }
  }
  return { ...nodeOf(type, namespace, named), ...logical(json) }
}

function namedNode(name: string, namespace: string, named: Map<string, AvroNode>): AvroNode {
  if (primitives.has(name)) return { kind: name as AvroNode['kind'] }
  const node = named.get(fullName(name, namespace)) ?? named.get(name)
  if (!node) throw malformed(`unknown type ${name}`)
  return node
}

function recordNode(json: Json, namespace: string, named: Map<string, AvroNode>): AvroNode {
  const node = declare(json, namespace, named, { kind: 'record', fields: [] })
  const inner = namespaceOf(json, namespace)
  for (const field of list(json['fields']) as Json[])
    node.fields!.push({ name: String(field['name']), node: nodeOf(field['type'], inner, named) })
  return node
}

function declare(json: Json, namespace: string, named: Map<string, AvroNode>, node: AvroNode): AvroNode {
  named.set(fullName(String(json['name']), namespaceOf(json, namespace)), node)
  return node
}

function namespaceOf(json: Json, outer: string): string {
  const name = String(json['name'])
  if (name.includes('.')) return name.slice(0, name.lastIndexOf('.'))
  return typeof json['namespace'] === 'string' ? json['namespace'] : outer
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function logical(json: Json): Partial<AvroNode> {
  if (typeof json['logicalType'] !== 'string') return {}
  const { precision, scale } = json
  return {
    logicalType: json['logicalType'],
    ...(typeof precision === 'number' ? { precision } : {}),
    ...(typeof scale === 'number' ? { scale } : {}),
  }
}

function fixedSize({ size }: Json): number {
  if (!Number.isInteger(size) || (size as number) < 1) throw malformed('a fixed type without a size')
  return size as number
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw malformed('a list is missing')
  return value
}

function malformed(what: string): DataError {
  return new DataError(`The Avro schema is malformed: ${what}`, { code: 'LAKE_FILE_CORRUPT' })
}
