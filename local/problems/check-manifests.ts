import { inOrder, together, type Problem } from '../../core/problem.ts'
import { readDocuments } from '../../control-plane/registry/documents.ts'
import { checkObject } from './check-object.ts'
import type { CheckedFile } from './checked.ts'
import { duplicateProblems } from './duplicates.ts'
import { namespaceProblems, serviceAccountProblems } from './namespaces.ts'
import { meshOfManifests } from './manifest-mesh.ts'
import { networkPolicyProblems } from './network-policies.ts'
import { podProblems } from './pods.ts'
import { manifestPolicyProblems } from './policies.ts'
import { manifestRouteProblems } from './routes.ts'
import { selectionProblems } from './services.ts'

/** Reads a file of YAML or JSON; `path` is what problems name, `root` see CheckedFile. Never throws. */
export function checkFile(path: string, text: string, root = 0): CheckedFile {
  const { documents, errors } = readDocuments(text)
  return {
    path,
    root,
    objects: documents.map((document) => checkObject(path, document)),
    problems: errors.map(({ line, column, message, remedy }) => ({
      ...fileProblem(path, message, remedy),
      line: line ?? null,
      column: column ?? null,
    })),
  }
}

/** A file of which nothing can be said but that it can't be read. */
export function fileProblem(path: string, message: string, remedy: string): Problem {
  return {
    code: 'WEFT0001',
    file: path,
    line: null,
    column: null,
    kind: '',
    namespace: '',
    name: '',
    field: '',
    severity: 'error',
    message,
    remedy,
  }
}

/** Everything that is wrong with manifests, each by itself and all of them together. In order. */
export function manifestProblems(files: readonly CheckedFile[]): Problem[] {
  const objects = files.flatMap((file) => file.objects)
  const mesh = meshOfManifests(objects)
  const alone = files.flatMap((file) => [
    ...file.problems,
    ...file.objects.flatMap(({ problems }) => problems),
  ])
  return inOrder(
    together(
      [...alone, ...duplicateProblems(files)],
      [...namespaceProblems(objects), ...serviceAccountProblems(objects)],
      [...selectionProblems(objects), ...networkPolicyProblems(objects)],
      [...manifestRouteProblems(objects, mesh), ...manifestPolicyProblems(mesh)],
      podProblems(objects),
    ),
  )
}
