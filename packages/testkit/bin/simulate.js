#!/usr/bin/env node
import { main } from '../dist/simulate/main.js';

process.exitCode = await main(process.argv.slice(2));
