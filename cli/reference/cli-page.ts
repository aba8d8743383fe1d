import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { helpText } from '../../core/command-line/help.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { describeWeft } from '../commands.ts'

/** The page that this module writes. */
export const CLI_PAGE = join(import.meta.dirname, '../../docs/reference/cli.md')

/** Every command with what its --help says, as Markdown. */
export async function cliPage(): Promise<string> {
  const weft = await describeWeft()
  return `# The command line

\`weft COMMAND --help\` prints what stands here; \`npm run man\` writes the same as manual pages, and \`weft completion SHELL\`
completes it in bash, zsh and fish. Results that a program reads come with \`--json\`, as one object on standard output. As
\`kubectl-weft\` in the \`PATH\` it is a plugin of kubectl: \`kubectl weft check\`.

(\`node cli/reference/cli-page.ts\` writes this page.)

${sectionsOf(weft).join('\n')}`
}

function sectionsOf(command: CommandDescription): string[] {
  const title = `weft ${command.name}`.trimEnd()
  const depth = command.name.includes(' ') ? '###' : '##'
  const section = `${depth} ${title}\n\n\`\`\`text\n${helpText(command, 'weft')}\`\`\`\n`
  return [section, ...(command.subcommands ?? []).flatMap(sectionsOf)]
}

if (import.meta.main) {
  mkdirSync(dirname(CLI_PAGE), { recursive: true })
  writeFileSync(CLI_PAGE, await cliPage())
}
