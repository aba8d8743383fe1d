// `weft init` without the rest of the program.
import { runInit } from '../../init.ts'

process.exitCode = await runInit(process.argv.slice(2))
