// Which files follow from the code, and their content. Pure, so that a test can hold them against the tree.
import { resourceKinds } from '#connectors/resource-kinds.ts'
import { customResourceDefinition } from './crd.ts'
import { dashboardFiles } from './dashboards.ts'
import { errorReference } from './error-reference.ts'
import { installManifest } from './install.ts'
import { metricReference } from './metric-reference.ts'
import { editRules, leaderRules, operatorRules, tokenRules, viewRules } from './rbac.ts'
import { readersPage } from './readers-page.ts'
import { resourceReference } from './resource-reference.ts'
import { yamlDocument, yamlFile } from './yaml.ts'

/** Path from the root of the project -> content. `version` is that of package.json. */
export function generatedFiles(version: string): Map<string, string> {
  const kinds = resourceKinds
  const files = new Map<string, string>()
  for (const kind of kinds) {
    const yaml = yamlDocument(customResourceDefinition(kind))
    files.set(`crds/${kind.plural}.yaml`, yaml)
    files.set(`helm/sluice/crds/${kind.plural}.yaml`, yaml)
  }
  files.set('helm/sluice/files/operator-rules.yaml', yamlFile(operatorRules(kinds)))
  files.set('helm/sluice/files/leader-rules.yaml', yamlFile(leaderRules))
  files.set('helm/sluice/files/token-rules.yaml', yamlFile(tokenRules))
  files.set('helm/sluice/files/edit-rules.yaml', yamlFile(editRules(kinds)))
  files.set('helm/sluice/files/view-rules.yaml', yamlFile(viewRules(kinds)))
  for (const [name, json] of dashboardFiles()) files.set(`helm/sluice/dashboards/${name}`, json)
  files.set('manifests/install.yaml', installManifest(kinds, version))
  files.set('docs/reference/crds.md', resourceReference(kinds))
  files.set('docs/reference/errors.md', errorReference())
  files.set('docs/reference/metrics.md', metricReference())
  files.set('docs/reference/readers.md', readersPage())
  return files
}
