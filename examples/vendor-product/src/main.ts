#!/usr/bin/env node
import { command } from './index.js';

process.exitCode = await command()(process.argv);
