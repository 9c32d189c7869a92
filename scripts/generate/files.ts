// Which files follow from the code, and their content. Pure, so that a test can hold them against the tree.
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { crdYaml } from './crd.ts'
import { errorReference } from './error-reference.ts'
import { metricReference } from './metric-reference.ts'
import { resourceReference } from './resource-reference.ts'

/** Path from the root of the project -> content. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>()
  for (const kind of resourceKinds) {
    const yaml = crdYaml(kind)
    files.set(`crds/${kind.plural}.yaml`, yaml)
    files.set(`helm/sluice/crds/${kind.plural}.yaml`, yaml)
  }
  files.set('docs/reference/crds.md', resourceReference(resourceKinds))
  files.set('docs/reference/errors.md', errorReference())
  files.set('docs/reference/metrics.md', metricReference())
  return files
}
