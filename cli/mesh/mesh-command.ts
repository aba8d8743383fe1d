import type { CommandDescription } from '../../core/command-line/description.ts'
import { shown, shownLines } from '../../core/terminal-text.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand, type ParsedCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import type { MESH_FLAGS } from './mesh-flags.ts'
import { openMesh, type MeshApi, type MeshFlagValues } from './mesh-api.ts'

/** A command with MESH_FLAGS and flags of its own. */
export type MeshCommand = CommandDescription & { readonly flags: typeof MESH_FLAGS }

export interface MeshSession<C extends MeshCommand> extends ParsedCommand<C> {
  /** The mesh that is meant, opened when it is first asked for and closed at the end. */
  readonly mesh: () => Promise<MeshApi>
}

export interface Told {
  /** For a person, with its line ends. */
  readonly text: string
  /** The same for a program. */
  readonly json: unknown
  /** The exit code. */
  readonly code: number
  /** It printed by itself, as it went: there is nothing left to print. */
  readonly printed?: true
}

/** Reads the flags, runs, prints. Resolves to the exit code: that of `run`, 1 where it throws, 2 for wrong flags. */
export async function runMeshCommand<const C extends MeshCommand>(
  description: C,
  argv: readonly string[],
  run: (session: MeshSession<C>) => Promise<Told>,
): Promise<number> {
  let opened: Promise<MeshApi> | undefined
  try {
    const parsed = parseCommand(description, argv)
    if (parsed === 'help') {
      printHelp(description)
      return 0
    }
    // What is typed for the flags of MESH_FLAGS, which every one of these commands has.
    const flags = parsed.values as MeshFlagValues & { readonly json: boolean }
    const { text, json, code, printed } = await run({
      ...parsed,
      mesh: () => (opened ??= openMesh(flags, parsed.given)),
    })
    if (!printed)
      process.stdout.write(flags.json ? `${JSON.stringify(json, undefined, 2)}\n` : shownLines(text))
    return code
  } catch (error) {
    if (error instanceof WeftError && error.code === 'cli.flags') {
      process.stderr.write(usageProblem(description, error))
      return 2
    }
    process.stderr.write(`${programName()} ${description.name}: ${shown(describeError(error))}\n`)
    return 1
  } finally {
    const mesh = await opened?.catch(() => undefined)
    await mesh?.close()
  }
}
