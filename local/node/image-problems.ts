import { WeftError } from '../../core/errors.ts'
import type { Problem } from '../../core/problem.ts'
import type { PodTemplate } from '../manifest/objects.ts'
import { borrowedNote, resolveImage } from '../pod/images.ts'
import type { HasProgram, ImageFolders } from '../pod/images.ts'
import { problemOf, type CheckedObject } from '../problems/checked.ts'

/**
 * What is to be said of the containers' images before anything starts: those that cannot run, and those that run a
 * program of the machine for want of a folder.
 */
export function imageProblems(
  objects: readonly CheckedObject[],
  folders: ImageFolders,
  hasProgram: HasProgram,
): Problem[] {
  return objects.flatMap((object) => {
    const { parsed } = object
    if (!parsed || !('template' in parsed.object)) return []
    return ofTemplate(object, parsed.object.template, folders, hasProgram)
  })
}

function ofTemplate(
  object: CheckedObject,
  { spec }: PodTemplate,
  folders: ImageFolders,
  hasProgram: HasProgram,
): Problem[] {
  const path = object.kind === 'Pod' ? 'spec' : 'spec.template.spec'
  return (['initContainers', 'containers'] as const).flatMap((list) =>
    spec[list].flatMap((container, index) => {
      // That a command is missing is told without images.
      if (!container.command?.length && container.args.length === 0) return []
      const field = `${path}.${list}[${index}].image`
      const tell = (severity: Problem['severity'], text: string): Problem[] => {
        const [, message = text, remedy = 'pass --image'] =
          /^(.*?)(?:: | \()(pass --image [^)]*)\)?$/s.exec(text) ?? []
        return [problemOf(object, 'WEFT0010', field, severity, message, remedy)]
      }
      try {
        const note = borrowedNote(resolveImage(container, folders, hasProgram), container)
        return note === undefined ? [] : tell('warning', note)
      } catch (error) {
        if (error instanceof WeftError) return tell('error', error.message)
        throw error
      }
    }),
  )
}
