// Fields of a resource as lines, for parts whose fields this version need not know one by one.

/** `recordsPerSecond 1000`, `windows[0].from 08:00`: a line a value, in the order they stand in. */
export function fieldLines(value: unknown, path: string = ''): string[] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object') {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return [`${path} ${text}`.trimStart()]
  }
  const parts = Array.isArray(value)
    ? value.map((part, at): [string, unknown] => [`${path}[${at}]`, part])
    : Object.entries(value).map(([name, part]): [string, unknown] => [
        path === '' ? name : `${path}.${name}`,
        part,
      ])
  return parts.flatMap(([at, part]) => fieldLines(part, at))
}
