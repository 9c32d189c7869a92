// YAML of generated files: objects spelled out where they stand, and a word on where they come from.
import { stringify } from 'yaml'

const notice = '# Made by `npm run generate`: edit what it is made from, not this file.\n'

export function yamlFile(content: unknown): string {
  return notice + yaml(content)
}

/** Begins a document by itself: `helm show crds` puts the files of a chart one behind the other, with nothing between. */
export function yamlDocument(content: unknown): string {
  return `---\n${yamlFile(content)}`
}

export function yamlDocuments(documents: readonly object[]): string {
  return notice + documents.map(yaml).join('---\n')
}

function yaml(content: unknown): string {
  return stringify(content, { lineWidth: 110, aliasDuplicateObjects: false })
}
