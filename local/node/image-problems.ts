import { describeError } from '../../core/errors.ts'
import { podTemplates } from '../manifest/objects.ts'
import type { DesiredState } from '../manifest/objects.ts'
import { borrowedNote, resolveImage } from '../pod/images.ts'
import type { HasProgram, ImageFolders } from '../pod/images.ts'

/**
 * What is to be said of the containers' images before anything starts: those that cannot run, and those that run a
 * program of the machine for want of a folder. One line each, with the object and the field.
 */
export function imageProblems(
  desired: DesiredState,
  folders: ImageFolders,
  hasProgram: HasProgram,
): string[] {
  return podTemplates(desired).flatMap(({ object, path, template: { spec } }) =>
    (['initContainers', 'containers'] as const).flatMap((list) =>
      spec[list].flatMap((container, index) => {
        const field = `${object}: ${path}.${list}[${index}].image`
        try {
          const note = borrowedNote(resolveImage(container, folders, hasProgram), container)
          return note === undefined ? [] : [`${field}: ${note}`]
        } catch (error) {
          return [`${field}: ${describeError(error)}`]
        }
      }),
    ),
  )
}
