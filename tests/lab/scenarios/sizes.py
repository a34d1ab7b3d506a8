"""sizes"""
