import { helpText, usageProblem } from '../core/command-line/help.ts'
import { NOT_CAPTURED_EXIT } from '../core/contract.ts'
import { describeError, WeftError } from '../core/errors.ts'
import { captureRules } from './rules/capture.ts'
import { INIT_COMMAND, parseInitFlags } from './rules/flags.ts'
import type { InitOptions } from './rules/flags.ts'
import { applyCapture, removeCapture } from './rules/apply.ts'
import type { Host } from './rules/apply.ts'
import { kernel } from './rules/kernel.ts'
import { runCommand } from './rules/run-command.ts'
import { validateCapture } from './rules/validate.ts'

export interface Output {
  stdout(text: string): void
  stderr(text: string): void
}

const processOutput: Output = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
}

/** `weft init`: sets the pod's capture rules. Resolves to the exit code. */
export async function runInit(
  argv: readonly string[],
  output: Output = processOutput,
  host: Host = kernel(runCommand, (line) => output.stderr(line)),
): Promise<number> {
  let options: InitOptions
  try {
    options = parseInitFlags(argv)
  } catch (error) {
    output.stderr(usageProblem(INIT_COMMAND, error))
    return 2
  }
  try {
    switch (options.mode) {
      case 'help':
        output.stdout(helpText(INIT_COMMAND))
        break
      case 'print':
        output.stdout(`# iptables-restore --noflush\n${captureRules(options.capture, 4)}`)
        if (options.ipv6 !== 'off') {
          output.stdout(`# ip6tables-restore --noflush\n${captureRules(options.capture, 6)}`)
        }
        break
      case 'remove':
        await removeCapture(host)
        break
      case 'apply':
        await applyCapture(options, host)
        break
      case 'validate':
        await validateCapture(options.capture, host)
        break
      default:
        throw new Error(`unknown mode ${String(options.mode satisfies never)}`)
    }
    return 0
  } catch (error) {
    output.stderr(`weft init: ${describeError(error)}\n`)
    return error instanceof WeftError && error.code === 'init.not_captured' ? NOT_CAPTURED_EXIT : 1
  }
}
