// The official SDK, from where the test runner installed it.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.env.PADDOCK_TEST_MODULES, 'any.js'))
export const { Daytona, DaytonaNotFoundError, Image } = require('@daytona/sdk')
