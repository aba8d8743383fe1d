import type { Problem } from '../../core/problem.ts'
import { problemOf, type CheckedFile, type CheckedObject } from './checked.ts'

/** Objects that are there twice, and which of the two counts: the first of one `-f`, else that of the later one. */
export function duplicateProblems(files: readonly CheckedFile[]): Problem[] {
  const seen = new Map<string, { readonly object: CheckedObject; readonly root: number }>()
  const problems: Problem[] = []
  for (const { root, objects } of files) {
    for (const object of objects) {
      if (object.kind === '' || object.name === '') continue
      const [group] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['']
      const id = JSON.stringify([group, object.kind, object.namespace, object.name])
      const earlier = seen.get(id)
      if (earlier?.root === root) {
        const message = `is also at ${placeOf(earlier.object)}, and that one counts`
        const problem = problemOf(
          object,
          'WEFT0006',
          'metadata.name',
          'error',
          message,
          'keep one of the two',
        )
        problems.push({ ...problem, otherFile: earlier.object.file })
        continue
      }
      seen.set(id, { object, root })
      if (!earlier) continue
      const message = `is also at ${placeOf(object)}, of a later -f, and that one counts`
      const remedy = 'keep one, unless this is meant'
      const problem = problemOf(earlier.object, 'WEFT0006', 'metadata.name', 'warning', message, remedy)
      problems.push({ ...problem, otherFile: object.file })
    }
  }
  return problems
}

function placeOf({ file, document }: CheckedObject): string {
  return `${file}:${document.position([]).line}`
}
