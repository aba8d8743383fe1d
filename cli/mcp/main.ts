import { once } from 'node:events'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { formatRequest } from '../../control-plane/canary/requests.ts'
import { printHelp, programName, usageProblem } from '../../core/command-line/help.ts'
import { parseCommand, type ParsedCommand } from '../../core/command-line/parse.ts'
import { describeError } from '../../core/errors.ts'
import { openCanaries } from '../canary/canaries.ts'
import { MCP_COMMAND } from './command.ts'
import { OpenOnce } from './open-once.ts'
import { mcpServer, type CanaryWord } from './server.ts'

/** `weft mcp`. Resolves to the exit code once its input is closed. */
export async function runMcp(argv: readonly string[]): Promise<number> {
  let parsed: ParsedCommand<typeof MCP_COMMAND> | 'help'
  try {
    parsed = parseCommand(MCP_COMMAND, argv)
  } catch (error) {
    process.stderr.write(usageProblem(MCP_COMMAND, error))
    return 2
  }
  if (parsed === 'help') {
    printHelp(MCP_COMMAND)
    return 0
  }
  const { values, given } = parsed
  const mesh = new OpenOnce(values, given)
  const act = async (namespace: string, name: string, action: CanaryWord): Promise<void> => {
    const canaries = await openCanaries(values, given)
    try {
      await canaries.ask(namespace, name, formatRequest(action, Date.now()))
    } finally {
      await canaries.close()
    }
  }
  try {
    const server = mcpServer({
      ask: (question) => mesh.with(question),
      directory: process.cwd(),
      ...(given.has('allow-actions') ? { canary: act } : {}),
    })
    const ended = once(process.stdin, 'end')
    await server.connect(new StdioServerTransport())
    await ended
    await server.close()
    return 0
  } catch (error) {
    process.stderr.write(`${programName()} mcp: ${describeError(error)}\n`)
    return 1
  } finally {
    await mesh.close()
  }
}
