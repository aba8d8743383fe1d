import { WeftError } from '../core/errors.ts'
import { mustRun, runCommand } from '../local/node/run-command.ts'
import { LACK } from './debian.ts'

/** A program that copies an image layout to a registry: its arguments for a layout's folder, the tag in it, and where to. */
type Arguments = (folder: string, tag: string, target: string, plain: boolean) => readonly string[]

const TOOLS: Readonly<Record<string, Arguments>> = {
  skopeo: (folder, tag, target, plain) => [
    ...['copy', '--all', '--preserve-digests', ...(plain ? ['--dest-tls-verify=false'] : [])],
    ...[`oci:${folder}:${tag}`, `docker://${target}`],
  ],
  oras: (folder, tag, target, plain) => [
    ...['cp', '--from-oci-layout', ...(plain ? ['--to-plain-http'] : [])],
    ...[`${folder}:${tag}`, target],
  ],
  crane: (folder, _, target, plain) => ['push', ...(plain ? ['--insecure'] : []), folder, target],
}

export const TOOL_NAMES: readonly string[] = Object.keys(TOOLS)

/** The first of them on this machine, or undefined. */
export async function findTool(): Promise<string | undefined> {
  for (const name of TOOL_NAMES)
    if ((await runCommand(['sh', '-c', `command -v ${name}`])).code === 0) return name
  return undefined
}

/**
 * The command that pushes an image layout, as `argv`. `plain`: the registry speaks HTTP. Credentials are the tool's own
 * (`skopeo login`, `oras login`, `crane auth login`).
 */
export function pushCommand(
  tool: string,
  layout: { readonly folder: string; readonly tag: string },
  target: string,
  plain: boolean,
): readonly string[] {
  return [tool, ...(TOOLS[tool]?.(layout.folder, layout.tag, target, plain) ?? [])]
}

/** The tool to push with. Throws WeftError `release.lack` that says what would help. */
export async function requireTool(): Promise<string> {
  const tool = await findTool()
  if (tool !== undefined) return tool
  throw new WeftError(
    LACK,
    `none of ${TOOL_NAMES.join(', ')} is on this machine: install one (Debian has skopeo)`,
  )
}

/** Throws WeftError `release.push` with what the tool said. */
export async function push(argv: readonly string[]): Promise<void> {
  try {
    await mustRun(argv)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new WeftError('release.push', `${said} (is somebody logged in, with ${argv[0]}'s own login?)`, {
      cause,
    })
  }
}
