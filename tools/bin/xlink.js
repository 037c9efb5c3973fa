#!/usr/bin/env node
import { main } from '../dist/xlink/main.js';

await main(process.argv);
