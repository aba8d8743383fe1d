import { parse as parseYaml } from 'yaml'
import { describeError, WeftError } from '../core/errors.ts'
import { parseSettings } from './settings.ts'
import type { InjectorSettings } from './settings.ts'

/** The settings file's text, YAML or JSON. Throws a WeftError `settings.invalid`. */
export function loadSettings(text: string, version: string): InjectorSettings {
  let document: unknown
  try {
    document = parseYaml(text)
  } catch (error) {
    throw new WeftError(
      'settings.invalid',
      `the settings are not YAML: ${describeError(error).split('\n')[0]}`,
    )
  }
  return parseSettings(document, version)
}
