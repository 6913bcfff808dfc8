"""The seams: small Protocols. Each says what its adapters owe: may it block, repeat, lose?"""
